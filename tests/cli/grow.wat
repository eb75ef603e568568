;; With a limit of 1 MiB: 16 pages are allowed, 17 are not.
(module (memory (export "memory") 1)
  (func (export "_start")
    (if (i32.ne (memory.grow (i32.const 15)) (i32.const 1)) (then unreachable))
    (if (i32.ne (memory.grow (i32.const 1)) (i32.const -1)) (then unreachable))
    (i32.store (i32.const 1048572) (i32.const 1))))
