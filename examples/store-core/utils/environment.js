// What a visitor may know of the environment: the keys storex sets, with secrets masked. Any other key stays private.
'use strict';

const KEYS = [
  'NODE_ENV', 'PORT', 'STORE_ID', 'STORE_NAME',
  'PRIMARY_DOMAIN', 'SYSTEM_DOMAIN', 'DOMAIN', 'INTERNAL_DOMAIN', 'SSL_MODE', 'FORCE_HTTPS',
  'DB_NAME', 'DB_USER', 'DB_PASSWORD', 'DB_HOST',
  'ENABLE_INVENTORY', 'ENABLE_ANALYTICS', 'ENABLE_CUSTOM_THEME',
  'SMTP_HOST', 'SMTP_PORT', 'SMTP_SECURE', 'SMTP_USER', 'SMTP_PASSWORD',
];
const SECRET = /PASSWORD|SECRET|TOKEN|KEY/;
const CREDENTIALS_IN_URL = /\/\/[^@/]*@/;

function visibleEnvironment(env) {
  const visible = {};
  for (const key of KEYS) {
    if (env[key] === undefined) continue;
    visible[key] = SECRET.test(key) ? '***' : env[key].replace(CREDENTIALS_IN_URL, '//***@');
  }
  return visible;
}

module.exports = { visibleEnvironment };
