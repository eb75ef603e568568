// Goroutines, channels, maps, sort, fmt and errors of Go's standard library.
package main

import (
	"errors"
	"fmt"
	"os"
	"sort"
	"strings"
	"sync"
)

type stack[T any] struct{ items []T }

func (s *stack[T]) push(v T) { s.items = append(s.items, v) }
func (s *stack[T]) pop() (v T, err error) {
	if len(s.items) == 0 {
		return v, errors.New("empty")
	}
	v = s.items[len(s.items)-1]
	s.items = s.items[:len(s.items)-1]
	return v, nil
}

func divide(a, b int) (r int, err error) {
	defer func() {
		if e := recover(); e != nil {
			err = fmt.Errorf("recovered: %v", e)
		}
	}()
	return a / b, nil
}

func main() {
	var wg sync.WaitGroup
	squares := make(chan int, 4)
	for i := 0; i < 20; i++ {
		wg.Add(1)
		go func(n int) { defer wg.Done(); squares <- n * n }(i)
	}
	go func() { wg.Wait(); close(squares) }()
	total := 0
	for s := range squares {
		total += s
	}
	counts := map[string]int{}
	for _, w := range strings.Fields(strings.Repeat("a quick brown fox a lazy dog ", 50)) {
		counts[w]++
	}
	keys := make([]string, 0, len(counts))
	for k := range counts {
		keys = append(keys, k)
	}
	sort.Slice(keys, func(i, j int) bool { return counts[keys[i]] > counts[keys[j]] || counts[keys[i]] == counts[keys[j]] && keys[i] < keys[j] })
	fmt.Println(total, keys, counts)
	var s stack[float64]
	s.push(1.5)
	a, _ := s.pop()
	_, err := s.pop()
	_, bad := divide(1, total-total)
	fmt.Printf("%v %v %v %08.3f %x %q\n", a, err, bad, 3.14159, []byte("go"), "ü€")
	os.WriteFile(os.Args[1]+"/go.txt", []byte(strings.Repeat("line\n", 1000)), 0o644)
	b, err := os.ReadFile(os.Args[1] + "/go.txt")
	fmt.Println(len(b), err)
	os.Exit(5)
}
