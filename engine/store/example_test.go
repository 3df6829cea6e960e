package store_test

import (
	"errors"
	"fmt"

	"github.com/sesame-auth/sesame/engine/store"
)

func ExampleConflictError() {
	create := func() error {
		return fmt.Errorf("mystore: create a user: %w", &store.ConflictError{Field: "email"})
	}

	err := create()
	fmt.Println(errors.Is(err, store.ErrConflict)) // any field
	fmt.Println(errors.Is(err, &store.ConflictError{Field: "email"}))
	fmt.Println(errors.Is(err, &store.ConflictError{Field: "id"}))
	if conflict, ok := errors.AsType[*store.ConflictError](err); ok {
		fmt.Println(conflict.Field, "is taken")
	}
	// Output:
	// true
	// true
	// false
	// email is taken
}

func ExampleChange() {
	name, image := "Ada", "https://img.example/ada.png"
	u := store.User{ID: "u1", Name: &name, Image: &image}

	update := store.UserUpdate{ID: "u1", Name: store.SetTo("Ada Lovelace"), Image: store.Clear[string]()}
	update.Name.Apply(&u.Name)
	update.Email.Apply(&u.Email) // not set: kept
	update.Image.Apply(&u.Image)
	fmt.Println(*u.Name, u.Email == nil, u.Image == nil)
	// Output: Ada Lovelace true true
}
