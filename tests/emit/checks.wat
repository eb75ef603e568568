;; Accesses of loops: neighbours, neighbours of a sum, a bounded index; what is not a neighbour any more.
(module
  (memory 1)
  (func (export "stencil") (param i32 i32)
    (loop
      (f64.store (i32.add (local.get 0) (i32.const 4000))
        (f64.add (f64.load (i32.add (local.get 0) (i32.const 16)))
          (f64.add (f64.load (local.get 0)) (f64.load offset=8 (local.get 0)))))
      (local.set 0 (i32.add (local.get 0) (i32.const 8)))
      (br_if 0 (local.tee 1 (i32.sub (local.get 1) (i32.const 1))))))
  (func (export "table") (param i32 i32 i32)
    (loop
      (i32.store8 (local.get 1)
        (i32.load8_u (i32.add (local.get 0) (i32.load8_u (local.get 1)))))
      (i32.store8 (i32.add (local.get 1) (i32.const 1))
        (i32.load8_u (i32.add (local.get 0) (i32.load8_u (i32.add (local.get 1) (i32.const 1))))))
      (local.set 1 (i32.add (local.get 1) (i32.const 2)))
      (i32.store (local.get 1) (i32.const 7))
      (br_if 0 (local.tee 2 (i32.sub (local.get 2) (i32.const 1)))))))
