// The store this process serves: its identity, domains and features, read once from the environment.
'use strict';

function flag(value) {
  return value === 'true' || value === '1';
}

function readStore(env) {
  const system = env.SYSTEM_DOMAIN || env.INTERNAL_DOMAIN || null;
  const primary = env.PRIMARY_DOMAIN || env.DOMAIN || null;
  return Object.freeze({
    id: env.STORE_ID || 'unknown',
    name: env.STORE_NAME || 'store',
    domains: Object.freeze({ system, custom: primary === system ? null : primary }),
    forceHttps: flag(env.FORCE_HTTPS),
    features: Object.freeze({
      inventory: flag(env.ENABLE_INVENTORY),
      analytics: flag(env.ENABLE_ANALYTICS),
      custom_theme: flag(env.ENABLE_CUSTOM_THEME),
    }),
  });
}

module.exports = { readStore };
