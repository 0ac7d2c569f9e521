// The products of the shop. Stock is shown to stores with the inventory feature only.
'use strict';

const { STARTING_PRODUCTS } = require('./database');

async function listProducts(features, database) {
  const products = database
    ? await database.use((db) => db.collection('products').find().sort({ _id: 1 }).limit(100).toArray())
    : STARTING_PRODUCTS;
  return products.map(({ _id, stock, ...product }) => ({ sku: _id, ...product, ...(features.inventory ? { stock } : {}) }));
}

module.exports = { listProducts };
