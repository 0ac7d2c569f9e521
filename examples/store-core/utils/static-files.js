// Static files of one folder. A request names a file inside it or nothing: links and `..` that lead out are refused.
'use strict';

const fs = require('node:fs');
const path = require('node:path');

const TYPES = { '.css': 'text/css; charset=utf-8', '.js': 'text/javascript; charset=utf-8', '.svg': 'image/svg+xml', '.txt': 'text/plain; charset=utf-8' };

function decode(requested) {
  try {
    return decodeURIComponent(requested);
  } catch {
    return null;
  }
}

async function insideFile(root, requested) {
  const name = decode(requested);
  if (name === null || name.includes('\0')) return null;
  try {
    const real = await fs.promises.realpath(path.join(root, name));
    if (!real.startsWith(root + path.sep)) return null;
    return (await fs.promises.stat(real)).isFile() ? real : null;
  } catch {
    return null;
  }
}

function staticFiles(folder) {
  // The folder is itself a link in a store's directory.
  const root = fs.realpathSync(folder);
  return async function serve(requested, res) {
    const file = await insideFile(root, requested);
    if (file === null) return false;
    const body = await fs.promises.readFile(file);
    res.writeHead(200, {
      'content-type': TYPES[path.extname(file)] ?? 'application/octet-stream',
      'content-length': body.length,
      'cache-control': 'public, max-age=300',
    });
    res.end(body);
    return true;
  };
}

module.exports = { staticFiles };
