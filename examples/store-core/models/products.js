// The products of the shop. Stock is shown to stores with the inventory feature only.
'use strict';

const products = [
  { sku: 'mug-01', title: 'Stoneware mug', price: '18.00', currency: 'EUR', stock: 42 },
  { sku: 'tee-01', title: 'Linen shirt', price: '49.50', currency: 'EUR', stock: 17 },
  { sku: 'bag-01', title: 'Canvas bag', price: '32.00', currency: 'EUR', stock: 8 },
];

function listProducts(features) {
  return products.map(({ stock, ...product }) => (features.inventory ? { ...product, stock } : product));
}

module.exports = { listProducts };
