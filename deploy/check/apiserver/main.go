// Command apiserver is Kubernetes' own API server, unchanged, for checking the chart
// against the real thing without a cluster. See run.
package main

import (
	"os"

	"k8s.io/component-base/cli"
	"k8s.io/kubernetes/cmd/kube-apiserver/app"
)

func main() { os.Exit(cli.Run(app.NewAPIServerCommand())) }
