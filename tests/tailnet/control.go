package main

import (
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/net/http2"
	"tailscale.com/control/controlhttp/controlhttpserver"
	"tailscale.com/net/tsaddr"
	"tailscale.com/tailcfg"
	"tailscale.com/types/key"
)

const (
	tailnetName = "example.com"
	domain      = "tail-test.ts.net"
	keyLifetime = 150 * 24 * time.Hour
	// taggedDevices owns every tagged device.
	taggedDevices = tailcfg.UserID(1)
)

// control is a coordination server for one tailnet. It knows its devices before their daemons
// register, and sends every daemon what changes.
type control struct {
	url   string
	noise key.MachinePrivate
	derp  *tailcfg.DERPMap
	other recorder // requests that only the real coordination server handles

	// What only reads or adds to the fields below expects mu to be held.
	mu      sync.Mutex
	devices []*device
	users   []tailcfg.UserProfile
	grants  []grant
	changed chan struct{} // closed and replaced by every change
}

// device is what the coordination server knows about a machine.
type device struct {
	name     string
	node     tailcfg.Node // as it looks to itself, without capabilities and routes
	owner    tailcfg.UserID
	caps     tailcfg.NodeCapMap
	approved []netip.Prefix // routes; active when the daemon advertises them too
	sharedAs string         // domain in which the others see it, if it is shared in
	ingress  bool           // it is the ingress node of Funnel
	streams  int            // open map streams; it is online if there is one
}

func newControl(derp *tailcfg.DERPMap) *control {
	c := &control{noise: key.NewMachine(), derp: derp, changed: make(chan struct{}),
		users: []tailcfg.UserProfile{{ID: taggedDevices, LoginName: "tagged-devices", DisplayName: "Tagged Devices"}}}
	c.other.status = http.StatusNotImplemented
	mux := http.NewServeMux()
	mux.HandleFunc("GET /key", func(w http.ResponseWriter, _ *http.Request) {
		reply(w, tailcfg.OverTLSPublicKeyResponse{PublicKey: c.noise.Public()})
	})
	mux.HandleFunc("/ts2021", c.upgrade)
	mux.HandleFunc("GET /generate_204", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	mux.HandleFunc("POST /c/", discard) // the daemons upload their logs here
	mux.Handle("/", &c.other)
	c.url = httptest.NewServer(mux).URL
	return c
}

// upgrade serves the requests inside a Noise connection.
func (c *control) upgrade(w http.ResponseWriter, r *http.Request) {
	conn, err := controlhttpserver.AcceptHTTP(r.Context(), w, r, c.noise, nil)
	if err != nil {
		log.Printf("control: %v", err)
		return
	}
	defer conn.Close()
	mux := http.NewServeMux()
	mux.HandleFunc("POST /machine/register", func(w http.ResponseWriter, r *http.Request) { c.register(w, r, conn.Peer()) })
	mux.HandleFunc("POST /machine/map", c.serveMap)
	mux.HandleFunc("POST /machine/feature/query", c.queryFeature)
	for _, name := range []string{"audit-log", "set-device-attr", "set-dns", "update-health"} {
		mux.HandleFunc("/machine/"+name, discard)
	}
	mux.Handle("/", &c.other)
	new(http2.Server).ServeConn(conn, &http2.ServeConnOpts{Context: r.Context(), BaseConfig: &http.Server{Handler: mux}})
}

// recorder refuses all requests, and remembers them.
type recorder struct {
	status int
	mu     sync.Mutex
	seen   []string
}

func (rec *recorder) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	rec.mu.Lock()
	defer rec.mu.Unlock()
	rec.seen = append(rec.seen, r.Method+" "+r.Host+r.URL.Path)
	http.Error(w, "refused by this test", rec.status)
}

func (rec *recorder) requests() []string {
	rec.mu.Lock()
	defer rec.mu.Unlock()
	return append([]string{}, rec.seen...)
}

// change runs edit and sends the daemons what it changed.
func (c *control) change(edit func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	edit()
	close(c.changed)
	c.changed = make(chan struct{})
}

// add makes a device known and gives it the next address.
func (c *control) add(name, login, person string) *device {
	id := len(c.devices) + 1
	address := netip.AddrFrom4([4]byte{100, 64, byte(id >> 8), byte(id)})
	now := time.Now().Truncate(time.Second)
	d := &device{name: name, owner: c.user(login, person), node: tailcfg.Node{
		ID: tailcfg.NodeID(id), StableID: tailcfg.StableNodeID(fmt.Sprintf("n%07dCNTRL", id)),
		Name: name + "." + domain + ".", MachineAuthorized: true,
		Addresses: []netip.Prefix{netip.PrefixFrom(address, 32), netip.PrefixFrom(tsaddr.Tailscale4To6(address), 128)},
		Created:   now.AddDate(0, 0, -30), LastSeen: &now,
	}}
	c.devices = append(c.devices, d)
	return d
}

// user returns the user with this login, made if there is none.
func (c *control) user(login, name string) tailcfg.UserID {
	at := slices.IndexFunc(c.users, func(u tailcfg.UserProfile) bool { return u.LoginName == login })
	if at < 0 {
		at = len(c.users)
		first, _, _ := strings.Cut(login, "@")
		c.users = append(c.users, tailcfg.UserProfile{ID: tailcfg.UserID(at + 1), LoginName: login, DisplayName: first,
			ProfilePicURL: "https://pictures.example/" + first + ".png"})
	}
	if name != "" {
		c.users[at].DisplayName = name
	}
	return c.users[at].ID
}

func (c *control) profile(id tailcfg.UserID) tailcfg.UserProfile { return c.users[id-1] }

// find returns the first device that is so, or nil.
func (c *control) find(is func(*device) bool) *device {
	if at := slices.IndexFunc(c.devices, is); at >= 0 {
		return c.devices[at]
	}
	return nil
}

// register accepts every known device. It recognises a daemon by its machine key, or the first time
// by its host name, so a new login keeps the device, its id and its addresses.
func (c *control) register(w http.ResponseWriter, r *http.Request, machine key.MachinePublic) {
	var req tailcfg.RegisterRequest
	if err := json.NewDecoder(r.Body).Decode(&req); err != nil || req.Hostinfo == nil {
		http.Error(w, "malformed register request", http.StatusBadRequest)
		return
	}
	var res tailcfg.RegisterResponse
	c.change(func() {
		d := c.find(func(d *device) bool { return d.node.Machine == machine })
		if d == nil {
			d = c.find(func(d *device) bool { return d.node.Machine.IsZero() && d.name == req.Hostinfo.Hostname })
		}
		if d == nil {
			res.Error = fmt.Sprintf("no device %q is expected", req.Hostinfo.Hostname)
			return
		}
		now := time.Now().Truncate(time.Second)
		switch {
		case d.node.Key != req.NodeKey: // the first login, or one with a new key
			d.node.Key, d.node.KeyExpiry = req.NodeKey, now.Add(keyLifetime)
		case !req.Expiry.IsZero() && req.Expiry.Before(now): // logout
			d.node.KeyExpiry = req.Expiry
		case d.node.KeyExpiry.Before(now):
			res.NodeKeyExpired = true
		}
		d.node.Machine, d.node.Cap, d.node.Hostinfo = machine, req.Version, req.Hostinfo.View()
		user := c.profile(d.owner)
		res.MachineAuthorized, res.User = true, tailcfg.User{ID: user.ID, DisplayName: user.DisplayName}
		res.Login = tailcfg.Login{ID: tailcfg.LoginID(user.ID), LoginName: user.LoginName, DisplayName: user.DisplayName}
	})
	reply(w, res)
}

// queryFeature says whether a device may use serve or Funnel, and if not, where to enable it.
func (c *control) queryFeature(w http.ResponseWriter, r *http.Request) {
	var req tailcfg.QueryFeatureRequest
	json.NewDecoder(r.Body).Decode(&req)
	needed := map[string]tailcfg.NodeCapability{"serve": tailcfg.CapabilityHTTPS, "funnel": tailcfg.NodeAttrFunnel}[req.Feature]
	c.mu.Lock()
	defer c.mu.Unlock()
	d := c.find(func(d *device) bool { return d.node.Key == req.NodeKey })
	if d != nil && d.caps.Contains(needed) {
		reply(w, tailcfg.QueryFeatureResponse{Complete: true})
		return
	}
	url := "https://login.tailscale.com/f/" + req.Feature
	reply(w, tailcfg.QueryFeatureResponse{URL: url, Text: req.Feature + " is not enabled on your tailnet.\nTo enable, visit:\n\n\t" + url + "\n"})
}

func reply(w http.ResponseWriter, body any) {
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(body)
}

func discard(w http.ResponseWriter, r *http.Request) {
	io.Copy(io.Discard, r.Body)
	reply(w, struct{}{})
}
