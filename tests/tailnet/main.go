// tailnet starts real tailscaled daemons for tests: a tailnet on the loopback interface, with its own
// coordination server, DERP relay, certificate authority and Funnel edge. README.md says more.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"tailscale.com/tailcfg"
	"tailscale.com/util/must"
)

const (
	funnelPorts = "443,8443,10000"
	edgeName    = "funnel-ingress-node"
)

// people own the nodes, in turn.
var people = []string{"Alice", "Bob", "Carol", "Dave", "Erin", "Frank"}

var (
	count    = flag.Int("n", 2, "number of nodes")
	funnel   = flag.Bool("funnel", false, "add a Funnel edge")
	derpOnly = flag.Bool("derp-only", false, "relay all traffic through DERP")
	bare     = flag.Bool("bare", false, "start with HTTPS and Funnel disabled in the tailnet")
	sameUser = flag.Bool("same-user", false, "let Alice own all nodes")
	ids      = flag.String("ids", "", "stable IDs of the first nodes, separated by commas")
	folder   = flag.String("dir", "", "keep all files in this folder; by default they are removed at the end")
)

// tailnet is everything that runs. The exported fields are what tests read.
type tailnet struct {
	Nodes   []*node           `json:"nodes"`
	Edge    *node             `json:"edge"`   // the ingress node of Funnel; nil without -funnel
	Funnel  map[string]string `json:"funnel"` // where the edge listens, by public port
	Control string            `json:"control"`
	Admin   string            `json:"admin"`
	CA      string            `json:"ca"` // file
	Dir     string            `json:"dir"`
	Tailnet string            `json:"tailnet"`
	Domain  string            `json:"domain"`

	program string   // tailscaled
	env     []string // all that the daemons get of it
	control *control
	ca      *authority
	trap    recorder // the HTTP proxy of the daemons
}

func (t *tailnet) all() []*node {
	if t.Edge == nil {
		return t.Nodes
	}
	return append(slices.Clone(t.Nodes), t.Edge)
}

// summary is the tailnet as it is now, in JSON.
func (t *tailnet) summary() json.RawMessage {
	t.control.mu.Lock()
	defer t.control.mu.Unlock()
	for _, n := range t.all() {
		n.mu.Lock()
		defer n.mu.Unlock()
		n.NodeKey, n.User = n.device.node.Key.String(), t.control.profile(n.device.owner).LoginName
	}
	return must.Get(json.Marshal(t))
}

// prepare starts all but the daemons.
func prepare(dir string) *tailnet {
	t := &tailnet{Funnel: map[string]string{}, Dir: dir, CA: filepath.Join(dir, "ca.pem"), Tailnet: tailnetName, Domain: domain,
		program: filepath.Join(filepath.Dir(must.Get(os.Executable())), "tailscaled"), control: newControl(startRelay()), ca: newAuthority()}
	t.Control, t.trap.status = t.control.url, http.StatusForbidden
	trusted := filepath.Join(dir, "trusted-by-daemons.pem")
	must.Do(os.WriteFile(t.CA, t.ca.root, 0o644))
	must.Do(os.WriteFile(trusted, append(t.ca.server, t.ca.root...), 0o644))
	proxy := httptest.NewServer(&t.trap).URL
	t.env = []string{"PATH=" + os.Getenv("PATH"), "HTTP_PROXY=" + proxy, "HTTPS_PROXY=" + proxy, "NO_PROXY=127.0.0.1,localhost",
		"TS_LOG_TARGET=" + t.Control, "TS_NETCHECK_GENERATE_204_URL=" + t.Control + "/generate_204",
		"TS_DEBUG_ACME_DIRECTORY_URL=" + t.ca.directory, "SSL_CERT_FILE=" + trusted,
		"TS_PANIC_IF_HIT_MAIN_CONTROL=1", "TS_ASSUME_NETWORK_UP_FOR_TEST=1"}
	if *derpOnly {
		t.env = append(t.env, "TS_DEBUG_ALWAYS_USE_DERP=1", "TS_DEBUG_NEVER_DIRECT_UDP=1")
	}
	for i := range *count {
		person := people[i%len(people)]
		if *sameUser {
			person = people[0]
		}
		d := t.control.add(fmt.Sprintf("node%d", i+1), strings.ToLower(person)+"@"+tailnetName, person)
		if given := strings.Split(*ids, ","); i < len(given) && given[i] != "" {
			d.node.StableID = tailcfg.StableNodeID(given[i])
		}
		d.caps = capabilities(!*bare, !*bare, funnelPorts)
		t.Nodes = append(t.Nodes, newNode(dir, d))
	}
	if *funnel {
		d := t.control.add(edgeName, "funnel@edge.example", "Funnel")
		d.ingress = true
		t.Edge = newNode(dir, d)
	}
	return t
}

// each runs do with all nodes at once, and returns one of the errors.
func (t *tailnet) each(do func(*node) error) (err error) {
	results := make(chan error)
	for _, n := range t.all() {
		go func() { results <- do(n) }()
	}
	for range t.all() {
		if failed := <-results; failed != nil {
			err = failed
		}
	}
	return err
}

// run starts the tailnet, describes it on stdout, and keeps it until ctx ends.
func run(ctx context.Context) (err error) {
	dir := *folder
	if dir == "" {
		dir = must.Get(os.MkdirTemp("", "tailnet"))
		defer func() {
			if err == nil || ctx.Err() != nil { // the logs say why else it failed
				os.RemoveAll(dir)
			}
		}()
	}
	dir = must.Get(filepath.Abs(dir))
	must.Do(os.MkdirAll(dir, 0o755))
	must.Do(os.Chmod(dir, 0o755)) // tests of permissions connect as another user
	t := prepare(dir)
	defer t.each(func(n *node) error { n.stop(syscall.SIGTERM); return nil })
	starting, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	if err := t.each(func(n *node) error {
		if err := n.start(t.program, t.env); err != nil {
			return err
		}
		return n.login(starting, t.Control)
	}); err != nil {
		return err
	}
	if t.Edge != nil {
		t.serveFunnel()
	}
	listener := must.Get(net.Listen("tcp", "127.0.0.1:0"))
	t.Admin = "http://" + listener.Addr().String()
	go http.Serve(listener, t.admin())
	fmt.Printf("%s\n", t.summary())
	<-ctx.Done()
	return nil
}

func main() {
	log.SetPrefix("tailnet: ")
	flag.Parse()
	ctx, end := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	go func() {
		defer end()
		io.Copy(io.Discard, os.Stdin)
	}()
	if err := run(ctx); err != nil {
		log.Fatal(err)
	}
}
