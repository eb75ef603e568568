// bench.c once more with goroutines and channels. Without mailboxes there is no selective receive: answers have a channel
// of their own.
package main

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"time"
)

var began, ended time.Time // of what is measured; a benchmark may leave out its preparations

func benchSpawn(n, _ int) {
	done := make(chan int)
	for range n {
		go func() { done <- 1 }()
		<-done
	}
}

func benchWave(n, members int) {
	done := make(chan int, members)
	for range n / members {
		for range members {
			go func() { done <- 1 }()
		}
		for range members {
			<-done
		}
	}
}

func echo(in, out chan int) {
	for range in {
		out <- 1
	}
}

func benchPing(n, _ int) {
	to, from := make(chan int), make(chan int)
	go echo(to, from)
	for range n {
		to <- 1
		<-from
	}
	close(to)
}

func poll(c chan int) int {
	for {
		select {
		case v := <-c:
			return v
		default:
		}
	}
}

func benchCross(n, _ int) {
	to, from := make(chan int, 1), make(chan int, 1)
	go func() {
		for poll(to) != 0 {
			from <- 1
		}
	}()
	for i := -n / 10; i < n; i++ {
		if i == 0 {
			began = time.Now()
		}
		to <- 1
		poll(from)
	}
	to <- 0
}

func benchPairs(n, members int) {
	done := make(chan int)
	for range members {
		go func() {
			benchPing(n/members, 0)
			done <- 1
		}()
	}
	for range members {
		<-done
	}
}

func benchRing(n, members int) {
	first := make(chan int, 1)
	out := first
	for range members - 1 {
		next := make(chan int, 1)
		go func(in, next chan int) {
			for v := range in {
				next <- v - 1
			}
		}(out, next)
		out = next
	}
	first <- members
	<-out // once round, so that all have started
	began = time.Now()
	first <- n
	for v := <-out; v > 0; v = <-out {
		first <- v - 1
	}
	ended = time.Now()
}

func benchFan(n, members int) {
	in := make(chan int, 1024)
	for range members {
		go func() {
			for range n / members {
				in <- 1
			}
		}()
	}
	for range n / members * members {
		<-in
	}
}

func benchUnread(n, _ int) {
	in := make(chan int, n)
	for i := range n {
		in <- i
	}
	for i := range n {
		if <-in != i {
			panic("order")
		}
	}
}

func benchCancel(n, _ int) {
	in := make(chan int, 1)
	for range n {
		time.AfterFunc(time.Hour, func() { in <- 1 }).Stop()
	}
}

func benchFire(n, _ int) {
	in := make(chan int, n)
	for range n {
		time.AfterFunc(time.Millisecond, func() { in <- 1 })
	}
	for range n {
		<-in
	}
}

func sky(out chan int, number, size int) {
	if size == 1 {
		out <- number
		return
	}
	in, sum := make(chan int), 0
	for i := range 10 {
		go sky(in, number+i*(size/10), size/10)
	}
	for range 10 {
		sum += <-in
	}
	out <- sum
}

func benchSkynet(n, _ int) {
	in := make(chan int)
	go sky(in, 0, n)
	if <-in != n*(n-1)/2 {
		panic("sum")
	}
}

func benchIdle(n, members int) {
	ready, never := make(chan int), make(chan int)
	for range members {
		go func() {
			ready <- 1
			<-never
		}()
		<-ready
	}
	fmt.Println("ready")
	time.Sleep(time.Duration(n) * time.Millisecond)
}

func benchSpin(n, members int) {
	to, from := make(chan int), make(chan int)
	go echo(to, from)
	for range members {
		go func() {
			for {
			}
		}()
	}
	began = time.Now()
	for range n {
		time.Sleep(time.Millisecond)
		to <- 1
		<-from
	}
	ended = time.Now().Add(time.Duration(-n) * time.Millisecond)
}

var all = map[string]func(n, members int){
	"spawn": benchSpawn, "wave": benchWave, "ping": benchPing, "cross": benchCross, "pairs": benchPairs, "ring": benchRing,
	"fan": benchFan, "unread": benchUnread, "cancel": benchCancel, "fire": benchFire, "skynet": benchSkynet,
	"idle": benchIdle, "spin": benchSpin,
}

func main() {
	number := func(i, v int) int {
		if len(os.Args) > i {
			v, _ = strconv.Atoi(os.Args[i])
		}
		return v
	}
	n, members := number(2, 100000), number(3, 1000)
	began = time.Now()
	all[os.Args[1]](n, members)
	if ended.IsZero() {
		ended = time.Now()
	}
	fmt.Printf("%s: %.1f ns\n", os.Args[1], float64(ended.Sub(began).Nanoseconds())/float64(n))
	if os.Getenv("COUNT_ALLOCATIONS") != "" {
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		fmt.Fprintln(os.Stderr, "allocations:", m.Mallocs)
	}
}
