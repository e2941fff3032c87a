// Command load drives the real server, in processes of its own, with a GitHub and a
// registry on loopback, and says how fast it is, what it asks of GitHub and what memory
// it takes.
//
//	go run ./bench/load -pulls 300 -latency 50ms
//	go run ./bench/load -database postgres://... -replicas 3 -profile cpu.pprof
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/lockkeeper/lockkeeper/bench/load/rig"
	"github.com/lockkeeper/lockkeeper/github/githubtest"
)

type options struct {
	pulls, replicas, errors, deliveries int
	latency                             time.Duration
	database, profile                   string
	cold                                bool
}

func main() {
	var o options
	flag.IntVar(&o.pulls, "pulls", 300, "pull requests in the burst")
	flag.IntVar(&o.replicas, "replicas", 1, "servers; more than one need -database")
	flag.DurationVar(&o.latency, "latency", 50*time.Millisecond, "of each answer of GitHub")
	flag.IntVar(&o.errors, "errors", 0, "of a hundred answers of GitHub that are a 502")
	flag.IntVar(&o.deliveries, "deliveries", 32, "webhooks under way at once")
	flag.StringVar(&o.database, "database", "", "address of an empty PostgreSQL database; default: SQLite")
	flag.StringVar(&o.profile, "profile", "", "write a CPU profile of the first server, of ten seconds, to this file")
	flag.BoolVar(&o.cold, "cold", false, "measure the first scans; default: after one of each kind, with facts cached")
	flag.Parse()
	if err := run(o, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "load:", err)
		os.Exit(1)
	}
}

func run(o options, out io.Writer) error {
	dir, err := os.MkdirTemp("", "lockkeeper-load-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	binary, err := rig.Build(dir)
	if err != nil {
		return err
	}
	r, err := rig.New(rig.Config{Binary: binary, Dir: dir, Database: o.database, Deliveries: o.deliveries, Crates: rig.Crates, Limit: 1_000_000})
	if err != nil {
		return err
	}
	defer r.Close()
	var servers []*rig.Replica
	for range o.replicas {
		one, err := r.Start()
		if err != nil {
			return err
		}
		servers = append(servers, one)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Minute)
	defer cancel()
	if !o.cold {
		for n := range 2 {
			if _, err := r.Open(n); err != nil {
				return err
			}
		}
		if err := r.Settle(ctx); err != nil {
			return err
		}
	}
	r.GitHub.SetLatency(o.latency)
	fail(r, o.errors)
	r.GitHub.ResetRequests()
	used := r.GitHub.Used("owner")
	before := len(r.GitHub.Deliveries())
	profiled := profile(servers[0], o.profile)
	began := time.Now()
	opened := map[string]time.Time{}
	var pulls []*githubtest.Pull
	for n := range o.pulls {
		p, err := r.Open(n + 2)
		if err != nil {
			return err
		}
		pulls = append(pulls, p)
		opened[p.Head()] = time.Now()
	}
	if err := r.GitHub.Flush(ctx); err != nil {
		return err
	}
	delivered := time.Since(began)
	if err := r.Settle(ctx); err != nil {
		return err
	}
	took := time.Since(began)
	if err := <-profiled; err != nil {
		return err
	}
	return report(out, o, r, servers, pulls, opened, before, r.GitHub.Used("owner")-used, delivered, took)
}

// fail has some of GitHub's answers be errors, evenly.
func fail(r *rig.Rig, of100 int) {
	n := 0
	if of100 > 0 {
		r.GitHub.AddFault(githubtest.Fault{Status: http.StatusBadGateway, Match: func(*http.Request) bool {
			n++ // under the lock of the faults
			return n%100 < of100
		}})
	}
}

// profile writes a profile to file while the burst goes on.
func profile(one *rig.Replica, file string) <-chan error {
	done := make(chan error, 1)
	if file == "" {
		done <- nil
		return done
	}
	go func() {
		resp, err := http.Get("http://" + one.Private + "/debug/pprof/profile?seconds=10")
		if err != nil {
			done <- err
			return
		}
		defer resp.Body.Close()
		data, err := io.ReadAll(resp.Body)
		if err == nil {
			err = os.WriteFile(file, data, 0o600)
		}
		done <- err
	}()
	return done
}

func report(out io.Writer, o options, r *rig.Rig, servers []*rig.Replica, pulls []*githubtest.Pull, opened map[string]time.Time, before, counted int, delivered, took time.Duration) error {
	refused, wrong := 0, 0
	deliveries := r.GitHub.Deliveries()[before:]
	for _, d := range deliveries {
		if d.Status < 200 || d.Status >= 300 {
			refused++
		}
	}
	var latencies []time.Duration
	for n, p := range pulls {
		run := r.Newest(p)
		if run.Conclusion != rig.Conclusion(n+2) {
			wrong++
			continue
		}
		latencies = append(latencies, run.CompletedAt.Sub(opened[p.Head()].Truncate(time.Second)))
	}
	slices.Sort(latencies)
	requests := r.GitHub.Requests()
	own := 0
	for _, q := range requests {
		if !strings.HasSuffix(q.Path, "/access_tokens") {
			own++
		}
	}
	at := func(percent int) time.Duration {
		if len(latencies) == 0 {
			return 0
		}
		return latencies[(len(latencies)-1)*percent/100]
	}
	fmt.Fprintf(out, "%d pull requests, %d servers, GitHub at %s\n", len(pulls), o.replicas, o.latency)
	fmt.Fprintf(out, "deliveries: %d in %s, %.0f a second, %d refused\n", len(deliveries), delivered.Round(time.Millisecond), float64(len(deliveries))/delivered.Seconds(), refused)
	fmt.Fprintf(out, "checks: %d right, %d wrong or missing, all after %s, %.1f a second\n", len(latencies), wrong, took.Round(time.Millisecond), float64(len(pulls))/took.Seconds())
	fmt.Fprintf(out, "webhook to check, whole seconds: p50 %s, p99 %s\n", at(50), at(99))
	fmt.Fprintf(out, "calls to GitHub for each pull request: %.1f, of which %.1f count against the limit\n", float64(own)/float64(len(pulls)), float64(counted)/float64(len(pulls)))
	for i, one := range servers {
		now, peak, err := one.Resident()
		if err != nil {
			return err
		}
		fmt.Fprintf(out, "server %d: %.1f MB resident, %.1f MB at most\n", i+1, float64(now)/(1<<20), float64(peak)/(1<<20))
	}
	if refused > 0 && o.errors == 0 || wrong > 0 {
		return fmt.Errorf("%d deliveries refused, %d checks wrong or missing", refused, wrong)
	}
	return nil
}
