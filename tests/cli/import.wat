(module (import "nobody" "knows" (func)) (memory (export "memory") 1) (func (export "_start")))
