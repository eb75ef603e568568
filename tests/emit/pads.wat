;; Landing pads (a64-bti): functions with an address, what a switch jumps to; none elsewhere.
(module
  (table funcref (elem $pick))
  (func $pick (param i32) (result i32)
    (local i32)
    (loop $again
      (block $b
        (block $a
          (local.set 1 (i32.add (local.get 1) (i32.const 3)))
          (br_table $a $again $b (local.get 0)))
        (return (i32.const 7))))
    (local.get 1))
  (func $direct (result i32) (i32.const 1))
  (func (export "main") (result i32)
    (i32.add (call $direct) (call_indirect (param i32) (result i32) (i32.const 0) (i32.const 0)))))
