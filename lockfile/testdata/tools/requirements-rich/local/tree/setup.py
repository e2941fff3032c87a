from setuptools import setup

setup(name="fixture-tree", version="1.0")
