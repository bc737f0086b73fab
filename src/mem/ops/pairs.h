/*
 * Two bytes at once, for vectors whose compares give vectors: where both of them are. A part of a
 * variant, which has said before what `vector`, `hits` and HERE are.
 */
typedef hits pairs;

HERE static ALWAYS_INLINE pairs pairs_of(vector a, vector one, vector b, vector other)
{
	return both(same(a, one), same(b, other));
}

HERE static ALWAYS_INLINE bool has_pairs(pairs first, pairs second)
{
	return bits_of(either(first, second)) != 0;
}

HERE static ALWAYS_INLINE hits where_pairs(pairs in)
{
	return in;
}
