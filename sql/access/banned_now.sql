-- Row policies: readers see the tokens that are banned now, and not those that were. Whom no policy names sees nothing
-- at all, hence the second one. Policies hold for table queries; streaming queries of readers need another stream.
-- @editions embedded, enterprise
CREATE ROW POLICY banned_now ON token_banned_raw USING banned TO tpctl_reader;

CREATE ROW POLICY banned_ever ON token_banned_raw USING 1 TO ALL EXCEPT tpctl_reader;
