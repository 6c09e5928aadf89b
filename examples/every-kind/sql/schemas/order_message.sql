CREATE FORMAT SCHEMA order_message AS '
syntax = "proto3";
message Order {
  uint64 order_id = 1;
  uint64 customer_id = 2;
  string sku = 3;
}
' TYPE Protobuf;
