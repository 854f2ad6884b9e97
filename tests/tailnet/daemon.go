package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"tailscale.com/client/local"
	"tailscale.com/ipn"
	"tailscale.com/util/must"
)

const (
	startTimeout = 60 * time.Second
	stopTimeout  = 10 * time.Second
)

// node is a device with its daemon; its exported fields are what tests read about it.
type node struct {
	Name     string `json:"name"`
	Socket   string `json:"socket"`
	IP4      string `json:"ip4"`
	IP6      string `json:"ip6"`
	DNSName  string `json:"dnsname"`
	StableID string `json:"stableid"`
	NodeKey  string `json:"nodekey"`
	User     string `json:"user"`
	StateDir string `json:"statedir"`
	Log      string `json:"log"`
	SOCKS5   string `json:"socks5"`
	Pid      int    `json:"pid"` // 0 while it is stopped

	device *device
	mu     sync.Mutex // guards Pid and what follows
	cmd    *exec.Cmd  // nil while it is stopped
	ended  chan struct{}
}

// newNode makes the folder of a node, and finds a port that it keeps while it is stopped.
func newNode(dir string, d *device) *node {
	state := filepath.Join(dir, d.name)
	must.Do(os.Mkdir(state, 0o755))
	listener := must.Get(net.Listen("tcp", "127.0.0.1:0"))
	defer listener.Close()
	return &node{Name: d.name, StateDir: state, Socket: filepath.Join(state, "socket"), Log: filepath.Join(state, "tailscaled.log"),
		IP4: d.node.Addresses[0].Addr().String(), IP6: d.node.Addresses[1].Addr().String(), SOCKS5: listener.Addr().String(),
		DNSName: strings.TrimSuffix(d.node.Name, "."), StableID: string(d.node.StableID), device: d}
}

func (n *node) client() *local.Client {
	return &local.Client{Socket: n.Socket, UseSocketOnly: true}
}

// start runs the daemon. It ends when this program does, however that happens: the daemon sees that
// the other end of a pipe is closed.
func (n *node) start(program string, env []string) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.cmd != nil {
		return fmt.Errorf("%s is running already", n.Name)
	}
	output, err := os.OpenFile(n.Log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer output.Close()
	theirs, ours, err := os.Pipe()
	if err != nil {
		return err
	}
	defer theirs.Close()
	cmd := exec.Command(program, "--tun=userspace-networking", "--port=0", "--statedir="+n.StateDir, "--socket="+n.Socket, "--socks5-server="+n.SOCKS5)
	cmd.Env = append(env, "HOME="+n.StateDir, "TS_LOGS_DIR="+n.StateDir, "TS_PARENT_DEATH_FD=3")
	cmd.Stdout, cmd.Stderr, cmd.ExtraFiles = output, output, []*os.File{theirs}
	if err := cmd.Start(); err != nil {
		ours.Close()
		return err
	}
	ended := make(chan struct{})
	n.cmd, n.Pid, n.ended = cmd, cmd.Process.Pid, ended
	go func() {
		cmd.Wait()
		ours.Close()
		n.mu.Lock()
		defer n.mu.Unlock()
		n.cmd, n.Pid = nil, 0
		close(ended)
	}()
	return nil
}

// stop signals the daemon and waits for its end.
func (n *node) stop(signal os.Signal) {
	n.mu.Lock()
	cmd, ended := n.cmd, n.ended
	n.mu.Unlock()
	if cmd == nil {
		return
	}
	cmd.Process.Signal(signal)
	select {
	case <-ended:
	case <-time.After(stopTimeout):
		cmd.Process.Signal(syscall.SIGKILL)
		<-ended
	}
}

// login does what `tailscale up --login-server` does.
func (n *node) login(ctx context.Context, controlURL string) error {
	if err := n.await(ctx, "NeedsLogin"); err != nil {
		return err
	}
	prefs := ipn.NewPrefs()
	prefs.ControlURL, prefs.Hostname, prefs.WantRunning, prefs.CorpDNS = controlURL, n.Name, true, false
	if err := n.client().Start(ctx, ipn.Options{UpdatePrefs: prefs}); err != nil {
		return err
	}
	if err := n.client().StartLoginInteractive(ctx); err != nil {
		return err
	}
	return n.await(ctx, "Running")
}

// await waits until the daemon is in a state.
func (n *node) await(ctx context.Context, state string) error {
	n.mu.Lock()
	seen, ended := "no answer", n.ended
	n.mu.Unlock()
	for {
		if status, err := n.client().StatusWithoutPeers(ctx); err == nil {
			if seen = status.BackendState; seen == state {
				return nil
			}
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s is not %s (%s); its log is %s", n.Name, state, seen, n.Log)
		case <-ended:
			return fmt.Errorf("%s ended; its log is %s", n.Name, n.Log)
		case <-time.After(20 * time.Millisecond):
		}
	}
}
