# Hashes, arrays, strings that grow, sorting, regular expressions: words.pl SCALE
use strict;
use warnings;

my ($state, $total) = (1, 0);

sub dice
{
	my ($n) = @_;
	$state = ($state * 1103515245 + 12345) & 0x7fffffff;
	return ($state >> 8) % $n;
}

for my $turn (1 .. $ARGV[0]) {
	my (%count, %lines, $text);
	for my $i (1 .. 40000) {
		my $word = join '', map { chr(97 + dice(26)) } 1 .. 2 + dice(4);
		$count{$word}++;
		$text .= $word . (dice(9) ? ' ' : "\n");
		push @{ $lines{ substr($word, 0, 2) } }, $word;
	}
	$total += scalar(keys %count);
	for my $line (split /\n/, $text) {
		my @words = sort grep { /[aeiou]/ } split / /, $line;
		$total += length(join '-', map { ucfirst } @words);
	}
	$total += @{ $lines{$_} } for sort keys %lines;
}
print "$total\n";
