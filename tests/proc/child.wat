;; A module whose start function waits: 50 ms, then it tells process 1 with tag 7; its entry sends tag 8 and
;; stays.
(module
  (import "lunatic::process" "sleep_ms" (func $sleep (param i64)))
  (import "lunatic::message" "create_data" (func $create (param i64 i64)))
  (import "lunatic::message" "send" (func $send (param i64) (result i32)))
  (func $tell (param i64)
    (call $create (local.get 0) (i64.const 0))
    (drop (call $send (i64.const 1))))
  (func $start
    (call $sleep (i64.const 50))
    (call $tell (i64.const 7)))
  (func (export "_start") (call $tell (i64.const 8)))
  (func (export "entry")
    (call $tell (i64.const 8))
    (call $sleep (i64.const -1)))
  (start $start))
