package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"syscall"
	"time"
)

// admin is how tests look at the tailnet and change it; README.md lists the calls. A change is
// answered when it is on its way to the daemons.
func (t *tailnet) admin() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) { reply(w, t.summary()) })
	mux.HandleFunc("GET /state", func(w http.ResponseWriter, _ *http.Request) { reply(w, t.control.state()) })
	mux.HandleFunc("GET /traps", func(w http.ResponseWriter, _ *http.Request) { reply(w, t.trap.requests()) })
	mux.HandleFunc("POST /grants", func(w http.ResponseWriter, r *http.Request) { finish(w, t.control.setGrants(r)) })
	mux.HandleFunc("POST /acme", func(w http.ResponseWriter, r *http.Request) { finish(w, t.ca.setMode(r.URL.Query().Get("mode"))) })
	for path, edit := range edits {
		mux.HandleFunc("POST "+path, t.onNode(func(n *node, query url.Values) (err error) {
			t.control.change(func() { err = edit(t.control, n.device, query) })
			return err
		}))
	}
	mux.HandleFunc("POST /start", t.onNode(t.startNode))
	mux.HandleFunc("POST /stop", t.onNode(func(n *node, query url.Values) error {
		if query.Get("kill") == "true" {
			n.stop(syscall.SIGKILL)
		} else {
			n.stop(syscall.SIGTERM)
		}
		return nil
	}))
	return mux
}

// onNode runs call with the node that the parameter names.
func (t *tailnet) onNode(call func(*node, url.Values) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		query := r.URL.Query()
		for _, n := range t.all() {
			if n.Name == query.Get("node") {
				finish(w, call(n, query))
				return
			}
		}
		finish(w, fmt.Errorf("there is no node %q", query.Get("node")))
	}
}

// edits are the calls that change what the coordination server knows about a device.
var edits = map[string]func(*control, *device, url.Values) error{
	"/caps": func(_ *control, d *device, query url.Values) error {
		d.caps = capabilities(query.Get("https") != "false", query.Get("funnel") != "false", cmp.Or(query.Get("ports"), funnelPorts))
		return nil
	},
	"/tag": func(_ *control, d *device, query url.Values) error {
		d.node.Tags = list(query, "tags")
		return nil
	},
	"/user": func(c *control, d *device, query url.Values) error {
		if query.Get("login") == "" {
			return errors.New("login is missing")
		}
		d.owner, d.sharedAs = c.user(query.Get("login"), query.Get("name")), ""
		return nil
	},
	"/share": func(c *control, d *device, query url.Values) error {
		d.owner = c.user(cmp.Or(query.Get("login"), "eve@other.example"), "")
		d.sharedAs = cmp.Or(query.Get("domain"), "other-tailnet.ts.net")
		return nil
	},
	"/routes": func(_ *control, d *device, query url.Values) error {
		var routes []netip.Prefix
		for _, text := range list(query, "routes") {
			route, err := netip.ParsePrefix(text)
			if err != nil {
				return err
			}
			routes = append(routes, route)
		}
		d.approved = routes
		return nil
	},
	"/expire": func(_ *control, d *device, query url.Values) error {
		lifetime := -time.Minute
		if query.Get("v") == "false" {
			lifetime = keyLifetime
		}
		d.node.KeyExpiry = time.Now().Add(lifetime).Truncate(time.Second)
		return nil
	},
}

// list reads a parameter whose values are separated by commas.
func list(query url.Values, name string) []string {
	return strings.FieldsFunc(query.Get(name), func(c rune) bool { return c == ',' })
}

// startNode returns when the daemon is Running again.
func (t *tailnet) startNode(n *node, _ url.Values) error {
	if err := n.start(t.program, t.env); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	return n.await(ctx, "Running")
}

// setGrants replaces all grants by those in the body.
func (c *control) setGrants(r *http.Request) error {
	var grants []grant
	if err := json.NewDecoder(r.Body).Decode(&grants); err != nil {
		return fmt.Errorf("the body must be a list of grants: %w", err)
	}
	c.change(func() { c.grants = grants })
	return nil
}

// state is what the coordination server knows beyond the nodes.
func (c *control) state() any {
	c.mu.Lock()
	defer c.mu.Unlock()
	online := []string{}
	for _, d := range c.devices {
		if d.streams > 0 {
			online = append(online, d.name)
		}
	}
	return map[string]any{"online": online, "grants": c.grants, "unknown": c.other.requests()}
}

func finish(w http.ResponseWriter, err error) {
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	reply(w, map[string]bool{"ok": true})
}
