// One line per answered request. Health checks are left out: they would be most of the log.
'use strict';

function logRequest(req, res) {
  if (req.url === '/health') return;
  const started = process.hrtime.bigint();
  res.once('finish', () => {
    const ms = Number(process.hrtime.bigint() - started) / 1e6;
    console.log(`${req.method} ${JSON.stringify(req.url)} ${res.statusCode} ${ms.toFixed(1)}ms`);
  });
}

module.exports = { logRequest };
