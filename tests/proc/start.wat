(module
  (func $start unreachable)
  (func (export "_start"))
  (start $start))
