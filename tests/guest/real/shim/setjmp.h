/* Lua asks for the header; with LUAI_TRY and LUAI_THROW defined it never jumps. */
typedef int jmp_buf[1];
