package main

import (
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync/atomic"

	pebbleca "github.com/letsencrypt/pebble/v2/ca"
	"github.com/letsencrypt/pebble/v2/db"
	"github.com/letsencrypt/pebble/v2/va"
	"github.com/letsencrypt/pebble/v2/wfe"
)

// acmeModes are the answers to an order of a certificate; nil fulfils it. The daemon reports these
// two. It waits and tries again after the status codes 429 and 5xx, which a real authority may use.
var acmeModes = map[string]map[string]any{
	"ok":        nil,
	"ratelimit": {"type": "urn:ietf:params:acme:error:rateLimited", "detail": "too many certificates already issued"},
	"error":     {"type": "urn:ietf:params:acme:error:rejectedIdentifier", "detail": "no certificate for this name"},
}

// authority is Pebble, the ACME server that Let's Encrypt has for tests. It believes that the TXT
// record of a challenge was published.
type authority struct {
	directory string
	root      []byte // PEM, as is its own server's certificate
	server    []byte
	mode      atomic.Value
}

func newAuthority() *authority {
	for _, name := range []string{"PEBBLE_VA_NOSLEEP", "PEBBLE_VA_ALWAYS_VALID"} {
		os.Setenv(name, "1")
	}
	os.Setenv("PEBBLE_WFE_NONCEREJECT", "0")
	quiet, store := log.New(io.Discard, "", 0), db.NewMemoryStore()
	profiles := map[string]pebbleca.Profile{"default": {PromoteCommonName: true, ValidityPeriod: 90 * 24 * 60 * 60}}
	issuer := pebbleca.New(quiet, store, "", "ecdsa", 0, 1, profiles)
	frontend := wfe.New(quiet, store, va.New(quiet, 0, 0, false, "127.0.0.1:9", store), issuer, nil, false, false, 0, 0)
	handler := frontend.Handler()
	a := &authority{root: issuer.GetRootCert(0).PEM()}
	a.mode.Store("ok")
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// The daemon's client looks for the order there, as Let's Encrypt says and Pebble does not.
		if id, found := strings.CutPrefix(r.URL.Path, "/finalize-order/"); found {
			w.Header().Set("Location", "https://"+r.Host+"/my-order/"+id)
		}
		problem := acmeModes[a.mode.Load().(string)]
		if problem == nil || !strings.HasPrefix(r.URL.Path, "/order-plz") {
			handler.ServeHTTP(w, r)
			return
		}
		w.Header().Set("Content-Type", "application/problem+json")
		w.Header().Set("Retry-After", "3600")
		w.WriteHeader(http.StatusForbidden)
		json.NewEncoder(w).Encode(problem)
	}))
	a.directory = server.URL + wfe.DirectoryPath
	a.server = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	return a
}

func (a *authority) setMode(mode string) error {
	if _, known := acmeModes[mode]; !known {
		return fmt.Errorf("mode must be ok, ratelimit or error, not %q", mode)
	}
	a.mode.Store(mode)
	return nil
}
