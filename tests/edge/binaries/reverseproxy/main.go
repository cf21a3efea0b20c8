// Command reverseproxy is net/http/httputil.ReverseProxy as it comes, in front of one server: what
// many a gateway and tunnel is made of.
package main

import (
	"flag"
	"log"
	"net/http"
	"net/http/httputil"
	"net/url"
)

func main() {
	listen := flag.String("listen", "", "the address to listen on, as 127.0.0.1:8080")
	upstream := flag.String("upstream", "", "the URL of the server behind")
	flag.Parse()
	target, err := url.Parse(*upstream)
	if err != nil || target.Host == "" {
		log.Fatalf("-upstream must be a URL, as http://127.0.0.1:8080: %q", *upstream)
	}
	proxy := &httputil.ReverseProxy{
		Rewrite: func(request *httputil.ProxyRequest) {
			request.SetURL(target)
			request.SetXForwarded()
			request.Out.Host = request.In.Host
		},
	}
	log.Fatal(http.ListenAndServe(*listen, proxy))
}
