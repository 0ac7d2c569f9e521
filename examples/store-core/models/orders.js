// Orders, and the customers who made them. They need a database.
'use strict';

const LARGEST_ORDER = 100;

class Refused extends Error {}

function checked(order) {
  const { sku, quantity, email } = order ?? {};
  if (typeof sku !== 'string') throw new Refused('sku is the text of a product');
  if (!Number.isInteger(quantity) || quantity < 1 || quantity > LARGEST_ORDER) throw new Refused(`quantity is a whole number from 1 to ${LARGEST_ORDER}`);
  if (typeof email !== 'string' || email.length > 200 || !/^[^@\s]+@[^@\s]+$/.test(email)) throw new Refused('email is an e-mail address');
  return { sku, quantity, email };
}

async function placeOrder(database, body) {
  const { sku, quantity, email } = checked(body);
  return database.use(async (db) => {
    if (!await db.collection('products').findOne({ _id: sku })) throw new Refused(`there is no product ${JSON.stringify(sku.slice(0, 40))}`);
    await db.collection('customers').updateOne({ _id: email }, { $setOnInsert: { since: new Date() } }, { upsert: true });
    const made = await db.collection('orders').insertOne({ sku, quantity, customer: email, at: new Date() });
    return { order: String(made.insertedId), sku, quantity };
  });
}

async function countOrders(database) {
  return database.use(async (db) => ({
    orders: await db.collection('orders').countDocuments(),
    customers: await db.collection('customers').countDocuments(),
  }));
}

module.exports = { Refused, placeOrder, countOrders };
