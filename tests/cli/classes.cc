/*
 * As holders.c, of objects of C++:
 *
 *     street          ten buildings of two classes, one behind the other
 *     vault           a tower, by a smart pointer that counts
 */
#include <cstdio>
#include <memory>
#include <vector>

namespace town {

class building {
public:
	virtual ~building() = default;
	building *next = nullptr;
	char name[40] = "hall";
};

class tower : public building {
public:
	std::vector<char> treasure = std::vector<char>(3000);
};

template <typename T> class gate : public building {
	T width{};
};

building *street;
std::shared_ptr<tower> vault;

} // namespace town

static void say(const char *name, const void *block)
{
	std::printf("%s %p\n", name, block);
	std::fflush(stdout);
}

int main()
{
	for (int i = 0; i < 10; i++) {
		town::building *one = i == 5 ? new town::building : new town::gate<long>;

		one->next = town::street;
		town::street = one;
		if (i == 5)
			say("building", one);
	}
	say("gate", town::street);
	town::vault = std::make_shared<town::tower>();
	say("tower", town::vault.get());
	say("treasure", town::vault->treasure.data());
	say("ready", nullptr);
	while (std::getchar() != EOF)
		;
	return 0;
}
