CREATE AGGREGATE FUNCTION median_price(price float64) RETURNS float64 LANGUAGE JAVASCRIPT AS $$
{
  initialize: function () { this.prices = [] },
  process: function (prices) { for (const price of prices) this.prices.push(price) },
  finalize: function () {
    const sorted = this.prices.slice().sort((a, b) => a - b)
    return sorted.length === 0 ? 0 : sorted[Math.floor((sorted.length - 1) / 2)]
  },
  serialize: function () { return JSON.stringify(this.prices) },
  deserialize: function (text) { this.prices = JSON.parse(text) },
  merge: function (text) { this.prices = this.prices.concat(JSON.parse(text)) }
}
$$;
