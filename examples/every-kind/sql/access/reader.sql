-- Whoever looks: reads everything of the shop, and of the orders only those worth something.
CREATE ROLE shop_reader;
CREATE USER shop_dashboard IDENTIFIED WITH sha256_password BY '${SHOP_READER_PASSWORD}' DEFAULT ROLE shop_reader;

GRANT SELECT ON orders TO shop_reader;
GRANT SELECT ON big_orders TO shop_reader;
GRANT SELECT ON revenue_5m TO shop_reader;
GRANT shop_reader TO shop_dashboard;

CREATE ROW POLICY paid_orders ON orders FOR SELECT USING price > 0 TO shop_reader;
-- Where one policy holds, everybody else needs one too.
CREATE ROW POLICY all_orders ON orders FOR SELECT USING 1 TO ALL EXCEPT shop_reader;
