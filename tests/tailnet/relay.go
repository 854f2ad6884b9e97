package main

import (
	"context"
	"crypto/tls"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"

	"tailscale.com/derp/derpserver"
	"tailscale.com/net/stunserver"
	"tailscale.com/tailcfg"
	"tailscale.com/types/key"
	"tailscale.com/types/logger"
	"tailscale.com/util/must"
)

// startRelay starts a DERP and a STUN server. It returns a map with them as the only region.
func startRelay() *tailcfg.DERPMap {
	derp := httptest.NewUnstartedServer(derpserver.Handler(derpserver.New(key.NewNode(), logger.Discard)))
	derp.Config.ErrorLog = log.New(io.Discard, "", 0)
	// A connection is upgraded to DERP, which HTTP/2 cannot do.
	derp.Config.TLSNextProto = map[string]func(*http.Server, *tls.Conn, http.Handler){}
	derp.StartTLS()
	stun := stunserver.New(context.Background())
	must.Do(stun.Listen("127.0.0.1:0"))
	go stun.Serve()
	node := &tailcfg.DERPNode{Name: "1a", RegionID: 1, HostName: "127.0.0.1", IPv4: "127.0.0.1", IPv6: "none",
		STUNTestIP: "127.0.0.1", STUNPort: stun.LocalAddr().(*net.UDPAddr).Port,
		DERPPort: derp.Listener.Addr().(*net.TCPAddr).Port, InsecureForTests: true}
	region := &tailcfg.DERPRegion{RegionID: 1, RegionCode: "test", RegionName: "Test City", Nodes: []*tailcfg.DERPNode{node}}
	return &tailcfg.DERPMap{Regions: map[int]*tailcfg.DERPRegion{1: region}}
}
