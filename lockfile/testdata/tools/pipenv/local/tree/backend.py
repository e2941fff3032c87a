
import zipfile

NAME, VERSION = "fixture-tree", "1.0"
METADATA = f"Metadata-Version: 2.1\nName: {NAME}\nVersion: {VERSION}\n"
WHEEL = "Wheel-Version: 1.0\nGenerator: fixture\nRoot-Is-Purelib: true\nTag: py3-none-any\n"


def build_wheel(directory, config_settings=None, metadata_directory=None):
    stem = f"{NAME.replace('-', '_')}-{VERSION}"
    with zipfile.ZipFile(f"{directory}/{stem}-py3-none-any.whl", "w") as z:
        z.writestr(f"{stem}.dist-info/METADATA", METADATA)
        z.writestr(f"{stem}.dist-info/WHEEL", WHEEL)
        z.writestr(f"{stem}.dist-info/RECORD", "")
    return f"{stem}-py3-none-any.whl"


build_editable = build_wheel
