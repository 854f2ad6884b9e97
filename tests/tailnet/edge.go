package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"strings"

	"github.com/inetaf/tcpproxy"
	"tailscale.com/util/must"
)

// publicClient is the address that Funnel connections seem to come from.
const publicClient = "203.0.113.7:40000"

// serveFunnel listens for each Funnel port. A connection goes to the node that its TLS server name
// says: from the ingress node's daemon to the peer API of that node.
func (t *tailnet) serveFunnel() {
	for port := range strings.SplitSeq(funnelPorts, ",") {
		listener := must.Get(net.Listen("tcp", "127.0.0.1:0"))
		address := listener.Addr().String()
		t.Funnel[port] = address
		proxy := &tcpproxy.Proxy{ListenFunc: func(string, string) (net.Listener, error) { return listener, nil }}
		proxy.AddSNIRouteFunc(address, func(_ context.Context, name string) (tcpproxy.Target, bool) {
			for _, n := range t.Nodes {
				if n.DNSName == name {
					return ingress{t, n, port}, true
				}
			}
			return nil, false
		})
		must.Do(proxy.Start())
	}
}

// ingress carries public connections to one port of a node.
type ingress struct {
	tailnet *tailnet
	node    *node
	port    string
}

// HandleConn serves one public connection.
func (i ingress) HandleConn(public net.Conn) {
	defer public.Close()
	if err := i.carry(public); err != nil {
		log.Printf("funnel to port %s of %s: %v", i.port, i.node.Name, err)
	}
}

func (i ingress) carry(public net.Conn) error {
	port := i.tailnet.control.peerAPI(i.node.device)
	conn, err := i.tailnet.Edge.client().DialTCP(context.Background(), i.node.IP4, port)
	if err != nil {
		return err
	}
	defer conn.Close()
	request := must.Get(http.NewRequest(http.MethodPost, fmt.Sprintf("http://%s:%d/v0/ingress", i.node.IP4, port), nil))
	request.Header.Set("Tailscale-Ingress-Src", publicClient)
	request.Header.Set("Tailscale-Ingress-Target", i.node.DNSName+":"+i.port)
	if err := request.Write(conn); err != nil {
		return err
	}
	fromNode := bufio.NewReader(conn)
	response, err := http.ReadResponse(fromNode, request)
	if err != nil {
		return err
	}
	if response.StatusCode != http.StatusSwitchingProtocols {
		return fmt.Errorf("the node answers %s", response.Status)
	}
	go func() {
		defer conn.Close()
		io.Copy(conn, public)
	}()
	io.Copy(public, fromNode)
	return nil
}
