;; Floats: constants, arithmetic, compares, conversions with and without traps.
(module
  (func (export "constants") (param f64) (result f64)
    (f64.add (f64.mul (local.get 0) (f64.const 0.1)) (f64.sub (f64.const 1.5) (f64.const 0))))
  (func (export "rounding") (param f32) (result f32)
    (f32.copysign (f32.sqrt (f32.abs (f32.ceil (local.get 0)))) (f32.neg (local.get 0))))
  (func (export "extremes") (param f64 f64) (result f64)
    (f64.min (local.get 0) (f64.max (local.get 1) (f64.const -1))))
  (func (export "compare") (param f64 f64) (result i32)
    (if (f64.lt (local.get 0) (local.get 1)) (then (return (f64.eq (local.get 0) (f64.const 0)))))
    (f64.ne (local.get 0) (local.get 1)))
  (func (export "convert") (param i64 f64) (result f64)
    (f64.add (f64.convert_i64_u (local.get 0)) (f64.convert_i32_s (i32.trunc_sat_f64_s (local.get 1)))))
  (func (export "trunc") (param f64) (result i64) (i64.trunc_f64_s (local.get 0))))
