// node brotli.mjs QUALITY FILE...: the bytes that each file has after brotli, as a JSON list.
import fs from 'node:fs';
import zlib from 'node:zlib';

const [quality, ...files] = process.argv.slice(2);
const params = { [zlib.constants.BROTLI_PARAM_QUALITY]: Number(quality) };
const sizes = files.map((file) => zlib.brotliCompressSync(fs.readFileSync(file), { params }).length);
process.stdout.write(JSON.stringify(sizes));
