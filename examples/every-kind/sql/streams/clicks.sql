-- Made-up clicks, ten a second, to have something that moves.
CREATE RANDOM STREAM clicks (
  customer_id uint64 DEFAULT rand() % 100,
  page string DEFAULT ['/', '/cart', '/help'][rand() % 3 + 1]
)
SETTINGS eps = 10;
