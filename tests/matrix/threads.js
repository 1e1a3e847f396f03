// Worker threads with shared memory and Atomics.wait, libuv's pool (crypto, zlib, files), timers, child processes, a socket.
const { Worker, isMainThread, workerData, parentPort } = require('worker_threads');
if (!isMainThread) {
	const a = new Int32Array(workerData.sab);
	for (let i = 0; i < 2000; i++) {
		while (Atomics.load(a, 0) % 2 !== workerData.me) Atomics.wait(a, 0, Atomics.load(a, 0) % 2 === workerData.me ? -1 : Atomics.load(a, 0), 50);
		Atomics.add(a, 1, i);
		Atomics.add(a, 0, 1);
		Atomics.notify(a, 0);
	}
	parentPort.postMessage(workerData.me);
} else main();
async function main() {
	const crypto = require('crypto'), zlib = require('zlib'), fs = require('fs'), cp = require('child_process'), net = require('net');
	const { promisify } = require('util');
	const sab = new SharedArrayBuffer(8);
	await Promise.all([0, 1].map(me => new Promise((ok, no) => new Worker(__filename, { workerData: { sab, me } }).on('error', no).on('exit', ok))));
	const keys = await Promise.all([...Array(12).keys()].map(i => promisify(crypto.pbkdf2)('secret', 'salt' + i, 20000, 32, 'sha256')));
	const packed = await promisify(zlib.gzip)(Buffer.alloc(4000000, 'gtrace'));
	await fs.promises.writeFile('file', packed);
	const back = await promisify(zlib.gunzip)(await fs.promises.readFile('file'));
	const child = await new Promise(ok => cp.execFile('/bin/sh', ['-c', 'echo out; exit 5'], (e, out) => ok(out.trim() + e.code)));
	const echo = await new Promise(ok => {
		const s = net.createServer(c => c.pipe(c)).listen('sock', () => {
			let n = 0;
			const c = net.connect('sock').on('data', d => { if ((n += d.length) >= 3000000) { c.destroy(); s.close(); ok(n); } });
			c.write(Buffer.alloc(3000000));
		});
	});
	let x = 1;
	for (let i = 0; i < 3e7; i++) x = (x * 1103515245 + 12345) % 2147483648;
	console.log([...new Int32Array(sab)].join(), crypto.createHash('md5').update(Buffer.concat(keys)).digest('hex'), back.length, child, echo, x);
}
