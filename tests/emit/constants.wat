;; Loops without calls: what instructions cannot hold is loaded before the loop, where that pays (aarch64).
(module
  (memory 1)
  (func (export "both") (param i32 f64) (result f64)
    (loop
      (local.set 1 (f64.add (f64.mul (local.get 1) (f64.const 0.2)) (f64.load offset=24 (local.get 0))))
      (loop
        (i32.store offset=40000 (local.get 0) (i32.xor (i32.load offset=8 (local.get 0)) (i32.const 0x12345678)))
        (br_if 0 (i32.ne (local.tee 0 (i32.add (local.get 0) (i32.const 1000001))) (i32.const 0x7654321))))
      (br_if 0 (f64.lt (local.get 1) (f64.const 1e9))))
    (local.get 1)))
