(module
  (import "lunatic::process" "spwan" (func (param i64) (result i64)))
  (import "lunatic::message" "send" (func (param i32) (result i32)))
  (import "lunatic::message" "create_data" (func (param i64 i64)))
  (import "env" "memory" (memory 1))
  (func (export "_start")))
