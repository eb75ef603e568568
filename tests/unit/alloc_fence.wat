;; Forty processes, one after the other, each linked to the one that spawns them. From the twentieth on each writes to a page
;; that none before touched, and traps if it finds what another wrote there. For alloc_fail.c.
(module
  (import "lunatic::process" "spawn" (func $spawn (param i64 i64 i64 i32 i32 i32 i32 i32) (result i32)))
  (import "lunatic::process" "sleep_ms" (func $sleep (param i64)))
  (memory (export "memory") 1)
  (data (i32.const 64) "child\7f")
  (func (export "child") (param $n i32)
    (i32.store (i32.const 8) (local.get $n))
    (if (i32.ge_u (local.get $n) (i32.const 20))
      (then
        (if (i32.load (i32.const 40000)) (then unreachable))
        (i32.store (i32.const 40000) (i32.const 1)))))
  (func (export "_start") (local $n i32)
    (loop $next
      (i32.store (i32.const 70) (local.get $n))
      (drop (call $spawn (i64.const 1) (i64.const -1) (i64.const -1) (i32.const 64) (i32.const 5) (i32.const 69) (i32.const 17) (i32.const 0)))
      (call $sleep (i64.const 1))
      (br_if $next (i32.lt_u (local.tee $n (i32.add (local.get $n) (i32.const 1))) (i32.const 40))))))
