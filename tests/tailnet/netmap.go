package main

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"time"

	"tailscale.com/tailcfg"
	"tailscale.com/types/dnstype"
	"tailscale.com/util/must"
	"tailscale.com/util/zstdframe"
)

// grant is an entry of a policy's "grants" that gives app capabilities. Src and Dst name devices,
// tags and logins; "*" is everybody.
type grant struct {
	Src []string           `json:"src"`
	Dst []string           `json:"dst"`
	App tailcfg.PeerCapMap `json:"app"`
}

// serveMap takes what a daemon reports about itself, or sends it network maps until it hangs up.
func (c *control) serveMap(w http.ResponseWriter, r *http.Request) {
	var req tailcfg.MapRequest
	if err := json.NewDecoder(r.Body).Decode(&req); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	c.mu.Lock()
	d := c.find(func(d *device) bool { return d.node.Key == req.NodeKey })
	c.mu.Unlock()
	if d == nil {
		http.Error(w, "unknown node key", http.StatusNotFound)
		return
	}
	send := func(res any) error { return writeMap(w, req.Compress == "zstd", res) }
	if req.Stream {
		c.stream(r.Context(), d, send)
		return
	}
	c.change(func() { d.report(&req) })
	send(tailcfg.MapResponse{})
}

// report stores what the daemon says about itself.
func (d *device) report(req *tailcfg.MapRequest) {
	if req.ReadOnly || req.Hostinfo == nil {
		return
	}
	d.node.Endpoints, d.node.DiscoKey, d.node.Cap, d.node.Hostinfo = req.Endpoints, req.DiscoKey, req.Version, req.Hostinfo.View()
	if info := req.Hostinfo.NetInfo; info != nil && info.PreferredDERP != 0 {
		d.node.HomeDERP = info.PreferredDERP
	}
}

// stream sends a complete map, then what changes.
func (c *control) stream(ctx context.Context, d *device, send func(any) error) {
	count := func(by int) {
		c.change(func() {
			now := time.Now().Truncate(time.Second)
			d.streams, d.node.LastSeen = d.streams+by, &now
		})
	}
	count(+1)
	defer count(-1)
	sent := parts{}
	for {
		c.mu.Lock()
		news, changed := sent.news(c.networkMap(d)), c.changed
		c.mu.Unlock()
		if len(news) > 0 && send(news) != nil {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-changed:
		case <-time.After(50 * time.Second):
			if send(tailcfg.MapResponse{KeepAlive: true}) != nil {
				return
			}
		}
	}
}

// writeMap writes one message of a map stream: its length, then the response.
func writeMap(w http.ResponseWriter, compress bool, res any) error {
	body := must.Get(json.Marshal(res))
	if compress {
		body = zstdframe.AppendEncode(nil, body, zstdframe.FastestCompression)
	}
	if _, err := w.Write(append(binary.LittleEndian.AppendUint32(nil, uint32(len(body))), body...)); err != nil {
		return err
	}
	return http.NewResponseController(w).Flush()
}

// parts is what a stream has sent: the JSON of each field of the map, and of each peer by its id.
type parts map[any]string

// differs reports whether a part is not the one that was sent last, and remembers it.
func (p parts) differs(name, part any) bool {
	was := p[name]
	p[name] = string(must.Get(json.Marshal(part)))
	return p[name] != was
}

// news is the part of a map that has not been sent; like the real server, it names changed peers only.
func (p parts) news(res *tailcfg.MapResponse) map[string]any {
	first := len(p) == 0
	news := map[string]any{}
	for name, part := range map[string]any{"Node": res.Node, "DERPMap": res.DERPMap, "DNSConfig": res.DNSConfig,
		"PacketFilter": res.PacketFilter, "UserProfiles": res.UserProfiles, "Domain": res.Domain} {
		if p.differs(name, part) {
			news[name] = part
		}
	}
	changed := slices.DeleteFunc(res.Peers, func(n *tailcfg.Node) bool { return !p.differs(n.ID, n) })
	if first {
		news["Peers"] = changed
	} else if len(changed) > 0 {
		news["PeersChanged"] = changed
	}
	return news
}

// networkMap is all that a device may know.
func (c *control) networkMap(d *device) *tailcfg.MapResponse {
	self := c.view(d, true)
	res := &tailcfg.MapResponse{Node: self, Domain: tailnetName, DERPMap: c.derp, DNSConfig: &tailcfg.DNSConfig{
		Proxied: true, Domains: []string{domain}, Resolvers: []*dnstype.Resolver{{Addr: "127.0.0.1"}}}}
	if d.caps.Contains(tailcfg.CapabilityHTTPS) {
		res.DNSConfig.CertDomains = []string{strings.TrimSuffix(self.Name, ".")}
	}
	for _, other := range c.devices {
		if other != d && !other.node.Key.IsZero() {
			res.Peers = append(res.Peers, c.view(other, false))
		}
	}
	everyone := append(slices.Clone(res.Peers), self)
	res.PacketFilter = c.packetFilter(self, everyone)
	for _, u := range c.users {
		if slices.ContainsFunc(everyone, func(n *tailcfg.Node) bool { return n.User == u.ID }) {
			res.UserProfiles = append(res.UserProfiles, u)
		}
	}
	return res
}

// view is a device as it looks to itself or to another device.
func (c *control) view(d *device, self bool) *tailcfg.Node {
	n := d.node.Clone()
	online := d.streams > 0
	n.Online, n.User, n.AllowedIPs = &online, d.owner, slices.Clone(n.Addresses)
	if len(n.Tags) > 0 {
		n.User, n.KeyExpiry = taggedDevices, time.Time{}
	}
	for _, route := range d.approved {
		if !slices.Contains(n.Hostinfo.RoutableIPs().AsSlice(), route) {
			continue
		}
		n.AllowedIPs = append(n.AllowedIPs, route)
		if route.Bits() > 0 { // 0.0.0.0/0 and ::/0 make an exit node
			n.PrimaryRoutes = append(n.PrimaryRoutes, route)
		}
	}
	if self {
		n.CapMap = d.caps
		return n
	}
	if d.caps.Contains(tailcfg.NodeAttrSuggestExitNode) {
		n.CapMap = tailcfg.NodeCapMap{tailcfg.NodeAttrSuggestExitNode: nil}
	}
	if d.sharedAs != "" {
		n.Name, n.Sharer = d.name+"."+d.sharedAs+".", d.owner
	}
	if d.ingress {
		info := n.Hostinfo.AsStruct()
		info.ShareeNode = true
		n.Hostinfo = info.View()
	}
	return n
}

// packetFilter opens every port to everybody, and gives the peers of a device the app capabilities
// of the grants.
func (c *control) packetFilter(self *tailcfg.Node, everyone []*tailcfg.Node) []tailcfg.FilterRule {
	funnel := grant{Src: []string{edgeName}, Dst: []string{"*"}, App: tailcfg.PeerCapMap{tailcfg.PeerCapabilityIngress: nil}}
	rules := slices.Clone(tailcfg.FilterAllowAll)
	for _, g := range append(slices.Clone(c.grants), funnel) {
		rule := tailcfg.FilterRule{CapGrant: []tailcfg.CapGrant{{Dsts: self.Addresses, CapMap: g.App}}}
		for _, n := range everyone {
			if c.selects(g.Src, n) {
				rule.SrcIPs = append(rule.SrcIPs, n.Addresses[0].Addr().String(), n.Addresses[1].Addr().String())
			}
		}
		if len(rule.SrcIPs) > 0 && c.selects(g.Dst, self) {
			rules = append(rules, rule)
		}
	}
	return rules
}

// selects reports whether one of the selectors of a grant means this device.
func (c *control) selects(selectors []string, n *tailcfg.Node) bool {
	return slices.ContainsFunc(selectors, func(s string) bool {
		return s == "*" || s == c.devices[n.ID-1].name || slices.Contains(n.Tags, s) || len(n.Tags) == 0 && s == c.profile(n.User).LoginName
	})
}

// peerAPI is the port where the daemon of a device listens for its peers, as it reported.
func (c *control) peerAPI(d *device) (port uint16) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, service := range d.node.Hostinfo.Services().All() {
		if service.Proto == tailcfg.PeerAPI4 {
			port = service.Port
		}
	}
	return port
}

// capabilities are those of a device in a tailnet with HTTPS and Funnel, or without.
func capabilities(https, funnel bool, ports string) tailcfg.NodeCapMap {
	caps := tailcfg.NodeCapMap{tailcfg.CapabilityFileSharing: nil, tailcfg.CapabilityAdmin: nil, tailcfg.NodeAttrSuggestExitNode: nil,
		tailcfg.NodeAttrsTaildriveShare: nil, tailcfg.NodeAttrsTaildriveAccess: nil}
	if https {
		caps[tailcfg.CapabilityHTTPS] = nil
	}
	if funnel {
		caps[tailcfg.NodeAttrFunnel] = nil
		caps[tailcfg.CapabilityFunnelPorts+tailcfg.NodeCapability("?ports="+ports)] = nil
	}
	return caps
}
