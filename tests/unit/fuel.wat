(module
  (type $t (func (param i32) (result i32)))
  (import "host" "fail" (func $fail (param i32)))
  (table 2 funcref)
  (memory 1)
  (func $inner (param i32) (result i32)
    i32.const 100 local.get 0 i32.div_s i32.const 1 i32.add)
  (func (export "div") (param i32) (result i32)
    local.get 0 call $inner i32.const 5 i32.add i32.const 7 i32.mul)
  (func (export "load") (param i32) (result i32)
    local.get 0 i32.load local.get 0 i32.load offset=4 i32.add)
  (func $deep (export "deep") (param i32) (result i32)
    local.get 0 i32.eqz if (result i32) unreachable else local.get 0 i32.const 1 i32.sub call $deep end i32.const 1 i32.add)
  (func (export "null") (param i32) (result i32)
    local.get 0 i32.const 1 call_indirect (type $t) i32.const 1 i32.add)
  (func (export "host") (param i32) (result i32)
    local.get 0 call $fail local.get 0 i32.const 1 i32.add)
  (func (export "loop") (param i32) (result i32) (local i32)
    loop
      local.get 1 i32.const 3 i32.add local.set 1
      i32.const 1000 local.get 0 i32.div_s drop
      local.get 0 i32.const 1 i32.sub local.set 0
      br 0
    end unreachable)
  (func $recur (export "stack") (param i32) (result i32)
    local.get 0 i32.const 1 i32.add call $recur i32.const 1 i32.add)
)
