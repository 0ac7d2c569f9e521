// Escaping and templates. `{{key}}` is a value and is escaped; `{{{key}}}` is markup this program rendered itself.
'use strict';

const fs = require('node:fs');
const path = require('node:path');

const ESCAPES = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };

function escapeHtml(value) {
  return String(value).replace(/[&<>"']/g, (character) => ESCAPES[character]);
}

function loadTemplates(folder) {
  const texts = new Map();
  for (const file of fs.readdirSync(folder)) {
    if (file.endsWith('.html')) texts.set(path.basename(file, '.html'), fs.readFileSync(path.join(folder, file), 'utf8'));
  }
  return {
    render(name, values, markup = {}) {
      const text = texts.get(name);
      if (text === undefined) throw new Error(`no template ${name}`);
      return text.replace(/\{\{\{(\w+)\}\}\}|\{\{(\w+)\}\}/g, (_, raw, key) => (raw ? markup[raw] ?? '' : escapeHtml(values[key] ?? '')));
    },
  };
}

module.exports = { escapeHtml, loadTemplates };
