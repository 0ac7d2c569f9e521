// Headers every answer carries. TLS ends before this process, so "force https" means telling browsers to stay on it.
'use strict';

function setHeaders(res, store) {
  res.setHeader('x-content-type-options', 'nosniff');
  res.setHeader('x-frame-options', 'DENY');
  res.setHeader('referrer-policy', 'same-origin');
  res.setHeader('content-security-policy', "default-src 'self'");
  if (store.forceHttps) res.setHeader('strict-transport-security', 'max-age=31536000');
}

module.exports = { setHeaders };
