// The Go side of the network benchmarks: a goroutine per connection. Prints its port.
//
//	server echo|http
package main

import (
	"bytes"
	"fmt"
	"net"
	"os"
)

var answer = []byte("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 13\r\n\r\nHello, World!")

func serve(c net.Conn, http bool) {
	defer c.Close()
	b := make([]byte, 16384)
	for {
		n, err := c.Read(b)
		if err != nil {
			return
		}
		out := b[:n]
		if http {
			if !bytes.HasSuffix(out, []byte("\r\n\r\n")) {
				return
			}
			out = answer
		}
		if _, err := c.Write(out); err != nil {
			return
		}
	}
}

func main() {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	fmt.Printf("port %d\n", l.Addr().(*net.TCPAddr).Port)
	for {
		c, err := l.Accept()
		if err != nil {
			continue
		}
		go serve(c, len(os.Args) > 1 && os.Args[1] == "http")
	}
}
