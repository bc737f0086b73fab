#!/usr/bin/env python3
"""A profile as pprof reads it, as JSON: written without regard to how plat writes one.

usage: pprof.py FILE. What contradicts itself ends it with a sentence and exit 1.
"""
import gzip
import json
import sys


def varint(data, at):
    number = shift = 0
    while True:
        byte = data[at]
        at += 1
        number |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return number, at


def fields(data):
    """Of a message: (number, value), in order; values are integers or bytes."""
    at = 0
    while at < len(data):
        key, at = varint(data, at)
        if key & 7 == 0:
            value, at = varint(data, at)
        elif key & 7 == 2:
            size, at = varint(data, at)
            if at + size > len(data):
                sys.exit('a field does not end')
            value = data[at:at + size]
            at += size
        else:
            sys.exit(f'a field of wire type {key & 7}')
        yield key >> 3, value


def packed(data):
    at, numbers = 0, []
    while at < len(data):
        number, at = varint(data, at)
        numbers.append(number)
    return numbers


def message(data, *names):
    """Fields by names, those from 1 on; what is not there is 0; lists stay messages."""
    result = dict.fromkeys(names, 0)
    for number, value in fields(data):
        result[names[number - 1]] = value
    return result


with gzip.open(sys.argv[1]) as file:
    whole = list(fields(file.read()))


def all_of(number):
    return [value for key, value in whole if key == number]


def one_of(number, default=0):
    return (all_of(number) or [default])[-1]


strings = [s.decode('utf-8') for s in all_of(6)]
if not strings or strings[0] != '':
    sys.exit('the first string is not the empty one')
if len(set(strings)) != len(strings):
    sys.exit('a string is there twice')


def value_type(data):
    found = message(data, 'type', 'unit')
    return [strings[found['type']], strings[found['unit']]]


def by_id(number, *names):
    found = [message(data, *names) for data in all_of(number)]
    result = {item['id']: item for item in found}
    if 0 in result or len(result) != len(found):
        sys.exit(f'a number of field {number} is 0, or there twice')
    return result


mappings = by_id(3, 'id', 'start', 'limit', 'offset', 'file', 'build_id', 'has_functions',
                 'has_filenames', 'has_line_numbers', 'has_inline_frames')
functions = by_id(5, 'id', 'name', 'system_name', 'file', 'start_line')
locations = by_id(4, 'id', 'mapping', 'address', 'line', 'is_folded')


def frame(number):
    location = locations[number]
    result = {'address': location['address'], 'name': None, 'source': None, 'line': 0,
              'mapping': None, 'build_id': None}
    if location['line']:
        line = message(location['line'], 'function', 'line')
        function = functions[line['function']]
        result['name'] = strings[function['name']]
        result['source'] = strings[function['file']]
        result['line'] = line['line']
    if location['mapping']:
        mapping = mappings[location['mapping']]
        if not mapping['start'] <= location['address'] < mapping['limit']:
            sys.exit('an address is not in its mapping')
        result['mapping'] = strings[mapping['file']]
        result['build_id'] = strings[mapping['build_id']]
    return result


def sample(data):
    found = message(data, 'locations', 'values')
    values = packed(found['values'])
    if len(values) != len(all_of(1)):
        sys.exit('a sample has another number of values than there are types')
    return {'values': values,
            # The outermost first, as folded stacks have it.
            'stack': [frame(number) for number in packed(found['locations'] or b'')][::-1]}


samples = [sample(data) for data in all_of(2)]
json.dump({
    'types': [value_type(data) for data in all_of(1)],
    'default': strings[one_of(14)],
    'samples': samples,
    'sums': [sum(column) for column in zip(*(s['values'] for s in samples))],
    'mappings': [strings[m['file']] for m in mappings.values()],
    'period': one_of(12),
    'period_type': value_type(one_of(11)) if one_of(11) else None,
    'time': one_of(9),
    'comments': [strings[number] for number in all_of(13)],
}, sys.stdout)
