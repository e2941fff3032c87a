// Command rendered looks whether the chart brings alerts and dashboard as their files
// have them:
//
//	rendered MANIFESTS FILES
//
// Templates of Prometheus and Grafana are written like Helm's, which must not touch
// them.
package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql/parser"
	"sigs.k8s.io/yaml"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: rendered MANIFESTS FILES")
		os.Exit(2)
	}
	if err := run(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, "rendered:", err)
		os.Exit(1)
	}
}

// manifest is what is looked at of one.
type manifest struct {
	Kind     string
	Metadata struct{ Labels map[string]string }
	Spec     any
	Data     map[string]string
}

func run(manifests, files string) error {
	data, err := os.ReadFile(manifests)
	if err != nil {
		return err
	}
	var rules, dashboards int
	for _, text := range bytes.Split(data, []byte("\n---\n")) {
		var m manifest
		if err := yaml.Unmarshal(text, &m); err != nil {
			return fmt.Errorf("%s: %w", manifests, err)
		}
		switch {
		case m.Kind == "PrometheusRule":
			rules++
			err = sameRules(m, filepath.Join(files, "alerts.yaml"))
		case m.Metadata.Labels["grafana_dashboard"] != "":
			dashboards++
			err = sameDashboard(m, filepath.Join(files, "dashboard.json"))
		}
		if err != nil {
			return err
		}
	}
	if rules != 1 || dashboards != 1 {
		return fmt.Errorf("%s has %d PrometheusRules and %d dashboards, want one of each", manifests, rules, dashboards)
	}
	return nil
}

func sameRules(m manifest, file string) error {
	want, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	var plain any
	if err := yaml.Unmarshal(want, &plain); err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	if !reflect.DeepEqual(plain, m.Spec) {
		return fmt.Errorf("the PrometheusRule is not what %s says", file)
	}
	got, err := yaml.Marshal(m.Spec)
	if err != nil {
		return err
	}
	_, errs := rulefmt.Parse(got, false, model.UTF8Validation, parser.NewParser(parser.Options{}), slog.New(slog.DiscardHandler))
	return errors.Join(errs...)
}

func sameDashboard(m manifest, file string) error {
	want, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	got := m.Data["lockkeeper.json"]
	if got != string(want) {
		return fmt.Errorf("the ConfigMap's dashboard is not what %s says", file)
	}
	if !json.Valid([]byte(got)) {
		return fmt.Errorf("%s is not JSON", file)
	}
	return nil
}
