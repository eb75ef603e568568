;; Traps in the middle of a segment: what was not executed is given back, in every frame. The number behind each action
;; is the fuel it must take, counted by hand: every operator up to the one that traps, which counts, but not drop, block,
;; loop, unreachable, return, else and end. The official scripts trap at the end of functions, where there is no refund.
(module
  (type $v (func))
  (type $i (func (param i32) (result i32)))
  (memory 1 1)
  (data $d "abc")
  (table $t 4 funcref)
  (elem (table $t) (i32.const 0) func $trap $id)
  (elem $e func $id)
  (global $g (mut i32) (i32.const 0))

  (func $trap (unreachable) (global.set $g (i32.const 9)))
  (func $id (type $i) (local.get 0))
  (func (export "unreachable") (global.set $g (i32.const 1)) (unreachable) (global.set $g (i32.const 2)))

  ;; memory: the access before, after and below other work
  (func (export "load") (param i32) (result i32)
    (i32.add (i32.load (local.get 0)) (i32.const 1)))
  (func (export "load-right") (param i32) (result i32)
    (i32.mul (i32.add (local.get 0) (i32.load (local.get 0))) (i32.const 3)))
  (func (export "load-compare") (param i32) (result i32)
    (if (result i32) (i32.lt_u (i32.load8_u (local.get 0)) (i32.const 7)) (then (i32.const 1)) (else (i32.const 2))))
  (func (export "load-drop") (param i32)
    (drop (i64.load offset=65535 (local.get 0))) (global.set $g (i32.const 1)))
  (func (export "load-twice") (param i32) (result i32)
    (i32.add (i32.load (local.get 0)) (i32.load offset=4 (local.get 0))))
  (func (export "load-float") (param i32) (result f64)
    (f64.add (f64.load (local.get 0)) (f64.promote_f32 (f32.load (local.get 0)))))
  (func (export "load-set") (param i32) (result i64) (local i64)
    (local.set 1 (i64.load32_s (local.get 0))) (i64.add (local.get 1) (local.get 1)))
  (func (export "store") (param i32)
    (i32.store (local.get 0) (i32.const 5)) (global.set $g (i32.const 1)))
  (func (export "store-twice") (param i32)
    (i64.store (local.get 0) (i64.const 0)) (i64.store offset=8 (local.get 0) (i64.const 0)))
  (func (export "store-copy") (param i32)
    (i64.store (i32.const 0) (i64.load (local.get 0))) (global.set $g (i32.const 1)))
  (func (export "increment") (param i32)
    (i32.store (local.get 0) (i32.add (i32.load (local.get 0)) (i32.const 1))))

  ;; numbers
  (func (export "div_s") (param i32 i32) (result i32)
    (i32.sub (i32.div_s (local.get 0) (local.get 1)) (i32.const 1)))
  (func (export "rem_u") (param i64 i64) (result i64)
    (i64.sub (i64.rem_u (local.get 0) (local.get 1)) (i64.const 1)))
  (func (export "div-const") (param i32) (result i32)
    (i32.sub (i32.div_u (local.get 0) (i32.const 0)) (i32.const 1)))
  (func (export "divmod") (param i32 i32) (result i32)
    (i32.add (i32.div_u (local.get 0) (local.get 1)) (i32.rem_u (local.get 0) (local.get 1))))
  (func (export "trunc32") (param f32) (result i32)
    (i32.add (i32.trunc_f32_s (local.get 0)) (i32.const 1)))
  (func (export "trunc64") (param f64) (result i64)
    (i64.add (i64.trunc_f64_u (local.get 0)) (i64.const 1)))

  ;; operators that are calls of helpers
  (func (export "fill") (param i32)
    (memory.fill (local.get 0) (i32.const 0) (i32.const 9)) (global.set $g (i32.const 1)))
  (func (export "copy") (param i32)
    (memory.copy (i32.const 0) (local.get 0) (i32.const 9)) (global.set $g (i32.const 1)))
  (func (export "init")
    (memory.init $d (i32.const 0) (i32.const 0) (i32.const 4)) (global.set $g (i32.const 1)))
  (func (export "table.get") (param i32) (result i32)
    (i32.add (ref.is_null (table.get $t (local.get 0))) (i32.const 1)))
  (func (export "table.set") (param i32)
    (table.set $t (local.get 0) (ref.null func)) (global.set $g (i32.const 1)))
  (func (export "table.fill") (param i32)
    (table.fill $t (local.get 0) (ref.null func) (i32.const 2)) (global.set $g (i32.const 1)))
  (func (export "table.init")
    (table.init $t $e (i32.const 0) (i32.const 0) (i32.const 2)) (global.set $g (i32.const 1)))

  ;; calls: every frame gets its own back
  (func (export "indirect") (param i32) (result i32)
    (i32.add (call_indirect $t (type $i) (i32.const 3) (local.get 0)) (i32.const 1)))
  (func $one (param i32) (global.set $g (i32.load (local.get 0))) (global.set $g (i32.const 1)))
  (func $two (export "two") (param i32) (call $one (local.get 0)) (global.set $g (i32.const 2)))
  (func (export "three") (param i32) (result i32)
    (call $two (local.get 0)) (i32.add (global.get $g) (i32.const 3)))
  (func (export "through-table") (result i32)
    (call_indirect $t (type $v) (i32.const 0)) (i32.add (global.get $g) (i32.const 3)))
  (func $down (export "down") (param i32) (result i32)
    (if (i32.eqz (local.get 0)) (then (global.set $g (i32.div_u (i32.const 1) (local.get 0)))))
    (i32.add (call $down (i32.sub (local.get 0) (i32.const 1))) (i32.const 1)))
  (func (export "tail") (param i32) (global.set $g (i32.const 4)) (return_call $two (local.get 0)))

  ;; later segments
  (func (export "loop") (param i32) (local i32)
    (loop
      (local.set 1 (i32.add (local.get 1) (i32.const 20000)))
      (drop (i32.load (local.get 1)))
      (br_if 0 (local.get 0)))
    (global.set $g (i32.const 1)))
  (func (export "else") (param i32) (result i32)
    (if (result i32) (i32.eqz (local.get 0))
      (then (i32.const 1))
      (else (i32.add (i32.load (local.get 0)) (i32.const 1))))
    (i32.add (i32.const 2)))
  (func (export "after-block") (param i32) (result i32)
    (block (br_if 0 (local.get 0)) (global.set $g (i32.const 3)))
    (i32.add (i32.load (local.get 0)) (i32.const 1))))

(assert_trap (invoke "unreachable") "unreachable")                                             ;; 2
(assert_trap (invoke "load" (i32.const -1)) "out of bounds memory access")                     ;; 2
(assert_trap (invoke "load-right" (i32.const 65533)) "out of bounds memory access")            ;; 3
(assert_trap (invoke "load-compare" (i32.const 65536)) "out of bounds memory access")          ;; 2
(assert_trap (invoke "load-drop" (i32.const 0)) "out of bounds memory access")                 ;; 2
(assert_trap (invoke "load-twice" (i32.const 65536)) "out of bounds memory access")            ;; 2
(assert_trap (invoke "load-twice" (i32.const 65532)) "out of bounds memory access")            ;; 4
(assert_trap (invoke "load-float" (i32.const 65529)) "out of bounds memory access")            ;; 2
(assert_trap (invoke "load-set" (i32.const -4)) "out of bounds memory access")                 ;; 2
(assert_trap (invoke "store" (i32.const 65533)) "out of bounds memory access")                 ;; 3
(assert_trap (invoke "store-twice" (i32.const 65536)) "out of bounds memory access")           ;; 3
(assert_trap (invoke "store-twice" (i32.const 65528)) "out of bounds memory access")           ;; 6
(assert_trap (invoke "store-copy" (i32.const 65529)) "out of bounds memory access")            ;; 3
(assert_trap (invoke "increment" (i32.const 65536)) "out of bounds memory access")             ;; 3
(assert_trap (invoke "div_s" (i32.const 1) (i32.const 0)) "integer divide by zero")            ;; 3
(assert_trap (invoke "div_s" (i32.const 0x80000000) (i32.const -1)) "integer overflow")        ;; 3
(assert_trap (invoke "rem_u" (i64.const 1) (i64.const 0)) "integer divide by zero")            ;; 3
(assert_trap (invoke "div-const" (i32.const 1)) "integer divide by zero")                      ;; 3
(assert_trap (invoke "divmod" (i32.const 1) (i32.const 0)) "integer divide by zero")           ;; 3
(assert_trap (invoke "trunc32" (f32.const nan)) "invalid conversion to integer")               ;; 2
(assert_trap (invoke "trunc32" (f32.const 0x1p31)) "integer overflow")                         ;; 2
(assert_trap (invoke "trunc64" (f64.const -1)) "integer overflow")                             ;; 2
(assert_trap (invoke "fill" (i32.const 65530)) "out of bounds memory access")                  ;; 4
(assert_trap (invoke "copy" (i32.const 65530)) "out of bounds memory access")                  ;; 4
(assert_trap (invoke "init") "out of bounds memory access")                                    ;; 4
(assert_trap (invoke "table.get" (i32.const 4)) "out of bounds table access")                  ;; 2
(assert_trap (invoke "table.set" (i32.const 4)) "out of bounds table access")                  ;; 3
(assert_trap (invoke "table.fill" (i32.const 3)) "out of bounds table access")                 ;; 4
(assert_trap (invoke "table.init") "out of bounds table access")                               ;; 4
(assert_return (invoke "indirect" (i32.const 1)) (i32.const 4))                                ;; 6
(assert_trap (invoke "indirect" (i32.const 0)) "indirect call type mismatch")                  ;; 3
(assert_trap (invoke "indirect" (i32.const 2)) "uninitialized element")                        ;; 3
(assert_trap (invoke "indirect" (i32.const 4)) "undefined element")                            ;; 3
(assert_trap (invoke "two" (i32.const -1)) "out of bounds memory access")                      ;; 4
(assert_trap (invoke "three" (i32.const -1)) "out of bounds memory access")                    ;; 6
(assert_return (invoke "three" (i32.const 0)) (i32.const 5))                                   ;; 14
(assert_trap (invoke "through-table") "unreachable")                                           ;; 2
(assert_trap (invoke "down" (i32.const 0)) "integer divide by zero")                           ;; 6
(assert_trap (invoke "down" (i32.const 5)) "integer divide by zero")                           ;; 41
(assert_trap (invoke "tail" (i32.const -1)) "out of bounds memory access")                     ;; 8
(assert_trap (invoke "loop" (i32.const 1)) "out of bounds memory access")                      ;; 30
(assert_trap (invoke "else" (i32.const -1)) "out of bounds memory access")                     ;; 5
(assert_trap (invoke "after-block" (i32.const -1)) "out of bounds memory access")              ;; 4
(assert_return (invoke "after-block" (i32.const 0)) (i32.const 1))                             ;; 8
